"""Advice on lines that are no TOML, by the habits of other formats."""

import pytest

from xpcnn.config import toml
from xpcnn.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("a = 1\nname = digits", 'name = "digits"'),
        ('name = "digits', 'name = "digits"'),
        ("name = \u201cdigits\u201d", 'name = "digits"'),
        (r'name = "C:\Users"', "single quotes, in which a backslash is nothing else: 'C:\\photos'"),
        ("epochs: 3", "epochs = 3"),
        ("training:\n  epochs: 3", "[training]"),
        ('{"epochs": 3}', "a line such as epochs = 10 for each value: this is JSON"),
        ("nesterov = True", "nesterov = true"),
        ("nesterov = off", "nesterov = false"),
        ("seed = None", "leave the line out"),
        ("seed =", "leave the line out"),
        ("lr = .5", "lr = 0.5"),
        ("lr = 1.", "lr = 1.0"),
        ("lr = 0,1", "lr = 0.1"),
        ("lr = 1,", "lr = 1"),
        ("lr = 1 ; a rate", "# before a comment"),
        ("// a rate\nlr = 1", "# before a comment"),
        ("a = 1\nb = 2\na = 3", "one of the two places that set it"),
        ("[a]\n[b]\n[a]", "one of the two places that set it"),
        ("a = {\n b = 1 }", "all of it in one line, or below a line [a]"),
        ("a = [1,", "correct that line"),
        ("a = 1__0", "correct that line"),
    ],
)
def test_a_line_that_is_no_toml(text: str, advice: str) -> None:
    with pytest.raises(ConfigError) as caught:
        toml.parse(text)
    message = str(caught.value)
    assert message.startswith("not valid TOML: ")
    assert message.partition("\nTry: ")[2] == advice
