import pytensor
import pytest


@pytest.fixture(autouse=True)
def interpreted(request):
    """Quick tests run graphs node by node: nothing is compiled, no C compiler is called."""
    if "slow" in request.keywords:
        yield
        return
    with pytensor.config.change_flags(mode="FAST_COMPILE", cxx=""):
        yield
