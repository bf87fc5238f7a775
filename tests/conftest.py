"""Loads the plugin of pytests/razor_testing from this tree when pytest is started in the root without naming a folder.

Then pytest reads first what is in folders whose names begin with `test`, and pytests/conftest.py too late for options.
Users install the package, and pytest finds the plugin by itself; here pyproject.toml leaves an installed one out.
"""

pytest_plugins = ["pytester", "razor_testing.plugin"]
