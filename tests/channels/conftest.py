"""pytest explains a failed assertion of a module that holds no tests only where it is told to."""

import pytest

pytest.register_assert_rewrite("tests.channels.conformance")
