"""Pages and pictures about trainings and data: `pip install 'xpcnn[report]'`.

`report_page` writes the report of runs, `explain` one sample on its way through a network, `sheet`
a contact sheet of data. A page is one file: no scripts, nothing from a network, and all text that
comes from users escaped. What is drawn comes from `layer_passes` (outputs and gradients of every
layer), `feature_maps` (also filters) and `saliency_maps` (which pixels a score depends on).
"""

from importlib.util import find_spec

from xpcnn.errors import missing

if find_spec("jinja2") is None:
    raise missing("a report", "jinja2", "report")
if find_spec("matplotlib") is None:
    raise missing("a report", "matplotlib", "report")
