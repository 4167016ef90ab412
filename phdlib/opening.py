"""How every notebook begins: its profile and its data, checked; under ``smoke`` a line that no reader can miss."""

from __future__ import annotations

from phdlib import settings

WARNING = (
    f"**Profile `smoke`: {settings.MEANINGLESS}.** Networks are trained for seconds on a sliver of the data, to see "
    "that everything runs. Tables, figures and verdicts below, *reproduced* or not, say nothing about the papers."
)


def begin(profile: str | None, data: str | None) -> tuple[str, str]:
    """The profile and data source of a run: as given, else as the environment names them, else the defaults.

    ``ValueError`` names the allowed ones. Under ``smoke`` :data:`WARNING` is displayed.
    """
    chosen = settings.check_profile(profile or settings.current_profile())
    source = settings.check_data(data or settings.current_data())
    if chosen == "smoke":
        from IPython.display import Markdown, display

        display(Markdown(WARNING))
    return chosen, source
