"""The pinned versions of pyproject.toml: copied into environment.yml, and compared with what is installed.

    python -m phdlib.environment write    # after a change of pyproject.toml
    python -m phdlib.environment check    # does this Python hold the pinned versions? (reproduce.sh asks)

Only the standard library is imported: this runs where nothing is installed yet.
"""

from __future__ import annotations

import sys
import tomllib
from importlib import metadata

from phdlib import paths

ENVIRONMENT = paths.ROOT / "environment.yml"

_HEAD = """\
# For conda, and for Binder. Made from pyproject.toml by: python -m phdlib.environment write
name: phdlib
channels:
  - conda-forge
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def pins() -> dict[str, str]:
    """Version by package of pyproject.toml, dependencies first, then the tests' group."""
    project = tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    requirements = project["dependencies"] + project["optional-dependencies"]["test"]
    return dict(requirement.split("==") for requirement in requirements)


def environment_yml() -> str:
    """The text of environment.yml: the same pins, and the project itself in place (``-e .``)."""
    lines = [f"{name}=={version}" for name, version in pins().items()]
    return _HEAD + "".join(f"      - {line}\n" for line in [*lines, "-e ."])


def mismatches() -> list[str]:
    """What this Python lacks or has in another version, a line each; build tags as in 2.13.0+cpu do not count."""
    found = {}
    for name in pins():
        try:
            found[name] = metadata.version(name).partition("+")[0]
        except metadata.PackageNotFoundError:
            found[name] = "none"
    return [
        f"{name} {version} is pinned, {found[name]} installed"
        for name, version in pins().items()
        if found[name] != version
    ]


def main(arguments: list[str]) -> int:
    if arguments == ["write"]:
        paths.write_atomically(ENVIRONMENT, lambda file: file.write_text(environment_yml(), encoding="utf-8"))
        return 0
    if arguments == ["check"]:
        wrong = mismatches()
        print("\n".join(wrong) or "all pinned versions are installed")
        return bool(wrong)
    print("usage: python -m phdlib.environment write|check", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
