"""`xpcnn demo`: a page to draw a digit on, answered by a model while it is drawn."""

import click

from xpcnn.cli.options import (
    data_dir_option,
    json_option,
    library_options,
    option,
    reject_given,
)


@click.command("demo")
@click.argument("model", metavar="[RUN|FILE]", required=False)
@option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    text="Port of 127.0.0.1 to serve on; 0 takes a free one.",
)
@option("--open", "open_browser", is_flag=True, text="Open the page in the browser.")
@data_dir_option
@library_options
@json_option
def command(
    model: str | None,
    port: int,
    open_browser: bool,
    data_dir: str | None,
    backend: str,
    device: str | None,
    tf32: bool | None,
    as_json: bool,
) -> None:
    """Serve a page to draw a digit on, or to drop a picture on.

    The page shows the answer of the model while you draw, with probabilities, the picture as the
    network sees it, and the outputs of the first convolution. It is served on this machine alone;
    Ctrl-C ends the server.

    Without RUN or FILE, a small model of handwritten digits is trained on first use: on MNIST if
    its files are found (--data-dir), otherwise on the digits that come with xpcnn. Needs pip
    install 'xpcnn[demo]'.
    """
    if model is not None:
        reject_given("data_dir", why="is for the example model, without RUN or FILE.")
    from xpcnn.cli.model_opening import open_backend, open_model
    from xpcnn.cli.output import answer, say, to_json
    from xpcnn.demo.recognizer import Recognizer
    from xpcnn.demo.server import listen, require_server, serve
    from xpcnn.demo.trained_digits import example_model

    require_server()
    with listen(port) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        library = open_backend(backend, device, tf32)
        if model is None:
            opened = example_model(data_dir, library, say)
        else:
            opened = open_model(model, library)
        recognizer = Recognizer(opened, model or "the example model")
        for line in library.warm_up():
            say(line)
        recognizer.warm_up()
        answer(to_json({"url": url, **recognizer.about()}) if as_json else f"serving {url}")
        say("Ctrl-C ends the server")
        if open_browser:
            click.launch(url)
        serve(recognizer, server)
