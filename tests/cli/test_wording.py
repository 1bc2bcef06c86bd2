"""What the library calls its arguments, said as the options of a command."""

import pytest

from bayesgmm.cli import main
from bayesgmm.cli.wording import in_options


@pytest.mark.parametrize(
    ("command", "message", "said"),
    [
        ("fit", "use covariance_type='diag', or less", "use --family diag, or less"),
        ("select", "use covariance_type='diag', or less", "use --families diag, or less"),
        ("sample", "run longer (draws=), or", "run longer (--draws), or"),
        ("sample", "another seed (random_state=).", "another seed (--seed)."),
        ("fit", "got n_components = 5, n_samples = 4", "got -k 5, rows = 4"),
        ("select", "got n_components = 5, n_samples = 4", "got components = 5, rows = 4"),
        ("fit", "many draws of chains, draws=", "many draws of chains, draws="),
        ("fit", "give priors=, or more reg_covar.", "give priors=, or more reg_covar (in Python)."),
        ("fit", "or increase max_iter, tol, or", "or increase max_iter, tol (in Python), or"),
        ("fit", "The priors decide.", "The priors decide."),
        ("predict", "column 'my_seed=2' is text", "column 'my_seed=2' is text"),
        ("fit", "column 'n_samples' equals 'reg_covar'", "column 'n_samples' equals 'reg_covar'"),
        ("sample", "no file 'draws=1.csv'; use draws=5", "no file 'draws=1.csv'; use --draws 5"),
        ("sample", "it's priors= of 'priors='", "it's priors= (in Python) of 'priors='"),
        ("select", '"it\'s draws=1", draws=1', '"it\'s draws=1", --draws 1'),
    ],
)
def test_arguments_are_called_as_the_options_of_the_command(command, message, said):
    assert in_options(message, main.commands[command]) == said


def test_options_have_the_names_of_arguments():
    from bayesgmm import BayesianGaussianMixture, select_components

    arguments = {*BayesianGaussianMixture().get_params(), *select_components.__kwdefaults__}
    arguments |= {"covariance_types", "engines"}
    ours = {"data", "columns", "drop_incomplete", "output", "quiet", "max_components"}
    ours |= {"title", "save_fit", "interval", "fit", "help"}
    for command in main.commands.values():
        assert {option.name for option in command.params} <= arguments | ours
