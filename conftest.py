"""Loads the plugin of pytests/razor_testing from this tree, for the tests of this tree, and what tests it.

Users install the package, and pytest finds the plugin by itself; here pyproject.toml leaves an installed one out. It is not
loaded in pytests/conftest.py, which pytest reads too late when it is started without naming that folder.
"""

pytest_plugins = ["pytester", "razor_testing.plugin"]
