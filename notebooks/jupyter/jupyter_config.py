"""For JupyterLab and nbconvert, by JUPYTER_CONFIG_PATH=notebooks/jupyter: nothing that they open asks the internet."""

from traitlets.config import get_config

c = get_config()

# JupyterLab: reached from this machine alone; what its kernels answer is encrypted, for others who work on the machine
# could listen to their ports. That it offers no news is in labconfig/page_config.json.
c.ServerApp.ip = "127.0.0.1"
c.KernelManager.transport_encryption = "required"
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
c.LabApp.extension_manager = "readonly"

# nbconvert: a page that holds everything; what draws formulas and widgets would be fetched, and there are none
c.HTMLExporter.mathjax_url = ""
c.HTMLExporter.require_js_url = ""
