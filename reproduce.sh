#!/usr/bin/env bash
# The one command of this repository; ./reproduce.sh --help says what it does.
set -euo pipefail

usage() {
  cat <<'TEXT'
Regenerate the tables and figures of two papers of 3D human motion, PHD and VideoPose3D.

  ./reproduce.sh [options]      run the notebooks; results go to figures/ and notebooks/
  ./reproduce.sh test [...]     run the tests, and the notebooks at their smallest; with arguments, pytest on these
  ./reproduce.sh lab [...]      open the notebooks in JupyterLab (further arguments go to jupyter lab)
  ./reproduce.sh --verify [N]   hold the committed results against their provenance, then train N of the models behind
                                them again, drawn at random, and compare: exactly on a machine of the same kind, within
                                tolerances on another. Without N, as many as took three minutes; --seed S draws the same
                                ones again. Exit status: 0 all agrees, 1 something differs, 2 wrong use

Options
  --profile NAME   smoke     minutes: everything runs, the numbers mean nothing
                   standard  the default: widths and data cut so that two cores suffice
                   paper     the papers' sizes, for one or several GPUs
  --data NAME      what to run on; the default, embedded, comes with the repository; cmu, human36m, humaneva and penn
                   are read from the folder that PHDLIB_DATA names
  --only PATTERN   a notebook, table or figure: videopose3d, 02_supervised, videopose3d-table-2, '*figure-4'
                   (for a table or figure, the whole notebook that makes it runs)
  --jobs N         processes for what is costly (default: one per core)
  --cluster NAME   hand trainings to a cluster instead, each as a job: slurm, or local to try it on this machine;
                   what a job asks for: PHDLIB_CLUSTER_PARTITION, _ACCOUNT, _QOS, _CONSTRAINT, _TIMEOUT_MIN,
                   _GPUS_PER_NODE, _CPUS_PER_TASK, _MEM_GB, _SETUP, _EXTRA (explained in phdlib/clusters.py)
  -h, --help       this text

The first call makes an environment of its own in .venv (with uv if it is there, else with venv and pip), unless a conda
environment made from environment.yml is active. What was trained is kept in .cache, so a run that was stopped goes on
where it was. Other places: PHDLIB_CACHE (the cache), PHDLIB_DATA (your own datasets), PHDLIB_VENV (the environment).
TEXT
}

fail() { # fail STATUS MESSAGE: one line, and out
  printf 'reproduce.sh: %s\n' "$2" >&2
  exit "$1"
}

# --- where this is, also through a symbolic link ---------------------------------------------------------------------
here=${BASH_SOURCE[0]}
while [ -L "$here" ]; do
  folder=$(cd -P "$(dirname "$here")" && pwd)
  here=$(readlink "$here")
  case $here in /*) ;; *) here=$folder/$here ;; esac
done
root=$(cd -P "$(dirname "$here")" && pwd)

for name in PHDLIB_CACHE PHDLIB_DATA PHDLIB_VENV; do # relative to where the user is, as meant
  case ${!name-} in '' | /* | '~'*) ;; *) export "$name=$PWD/${!name}" ;; esac
done

# --- what is asked: checked before anything is installed -------------------------------------------------------------
names() { # names LIST: the strings of a list in phdlib/settings.py, which is where they are defined
  sed -n "s/^$1 = (\(.*\))\$/\1/p" "$root/phdlib/settings.py" | tr -d '",'
}

check() { # check WHAT NAME ALLOWED...
  local what=$1 name=$2
  shift 2
  case $name in '' | *' '*) ;; *) case " $* " in *" $name "*) return ;; esac ;; esac
  fail 2 "--$what $name is unknown; choose one of: $*"
}

action=run
case ${1-} in
  test | lab | --verify)
    action=${1#--}
    shift
    ;;
esac
if [ "$action" = run ]; then
  given=("$@")
  while [ $# -gt 0 ]; do
    case $1 in
      -h | --help) usage; exit 0 ;;
      --profile=* | --data=* | --only=* | --jobs=* | --cluster=*) option=${1%%=*} value=${1#*=} ;;
      --profile | --data | --only | --jobs | --cluster)
        [ $# -ge 2 ] || fail 2 "$1 needs a value; see ./reproduce.sh --help"
        option=$1 value=$2
        shift
        ;;
      *) fail 2 "unknown argument $1; see ./reproduce.sh --help" ;;
    esac
    shift
    # shellcheck disable=SC2046  # a list of names is meant to be split
    case $option in
      --profile) check profile "$value" $(names PROFILES) ;;
      --data)
        check data "$value" $(names DATA_SOURCES)
        [ "$value" = embedded ] || [ -n "${PHDLIB_DATA-}" ] ||
          fail 2 "--data $value needs PHDLIB_DATA, the folder of your data; notebooks/01_your_data.py says how it looks"
        ;;
      --cluster) check cluster "$value" $(names CLUSTERS) ;;
      --jobs) case $value in '' | *[!0-9]* | 0*) fail 2 "--jobs $value: expected a number from 1 up" ;; esac ;;
      --only) [ -n "$value" ] || fail 2 "--only needs a value; see ./reproduce.sh --help" ;;
    esac
  done
  set -- ${given[@]+"${given[@]}"}
elif [ "$action" = verify ]; then
  case ${1-} in
    -h | --help) usage; exit 0 ;;
    -*) ;; # an option of phdlib.verify
    *[!0-9]*) fail 2 "--verify $1: expected how many trainings, a number" ;;
  esac
elif [ "${1-}" = --help ] || [ "${1-}" = -h ]; then
  usage
  exit 0
fi

# --- the environment -------------------------------------------------------------------------------------------------
venv=${PHDLIB_VENV:-$root/.venv}
log=${PHDLIB_CACHE:-$root/.cache}/install.log
fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))'

stamp_text() { # what an installation depends on: its place, Python, pinned versions
  printf '%s\n' "$venv"
  "$venv/bin/python" -V
  cat "$root/pyproject.toml"
}

conda_python() { # the active conda environment's Python, if it holds exactly the pinned versions
  [ -n "${CONDA_PREFIX-}" ] && [ -z "${PHDLIB_VENV-}" ] && [ -x "$CONDA_PREFIX/bin/python" ] || return 1
  (cd "$root" && "$CONDA_PREFIX/bin/python" -m phdlib.environment check) >/dev/null 2>&1 || return 1
  printf '%s\n' "$CONDA_PREFIX/bin/python"
}

make_venv() { # an empty environment, unless one is there already
  if "$venv/bin/python" -c "$fits" 2>/dev/null; then return; fi
  if [ -e "$venv/bin/python" ] && "$venv/bin/python" -V >/dev/null 2>&1; then
    fail 1 "$venv holds $("$venv/bin/python" -V), not 3.11 or 3.12; remove that folder and call again"
  fi
  if command -v uv >/dev/null && uv venv --quiet --clear --seed --python '>=3.11,<3.13' "$venv" >>"$log" 2>&1; then return; fi
  local python
  for python in python3.11 python3.12 python3 python; do
    # Being on the PATH is not enough: a version manager's stand-in may have nothing behind it.
    if "$python" -c "import ensurepip, venv; $fits" 2>/dev/null; then
      "$python" -m venv --clear "$venv" >>"$log" 2>&1 && return
    fi
  done
  grep -qiE "$full" "$log" && fail 1 "cannot make $venv: the disk is full"
  fail 1 "found no Python 3.11 or 3.12 with venv and pip; install one (Debian: python3-venv), or uv, which fetches one"
}

install() { # the pinned versions and the project itself, editable; the log is the last attempt's
  if command -v uv >/dev/null; then
    # On Linux the registry's torch carries CUDA, gigabytes of it; uv takes the build that fits this machine.
    uv pip install --python "$venv/bin/python" --torch-backend=auto -e "$root[test]" >"$log" 2>&1 && return
  fi
  "$venv/bin/python" -m pip install --disable-pip-version-check -e "$root[test]" >"$log" 2>&1
}

full='No space left|Disk quota'
unreachable='ConnectionError|connection refused|name resolution|dns error|unreachable|timed out|error sending request'
unreachable+='|SSLError|from versions: none'
explain() { # why the installation failed, in a few words, from its log
  if grep -qiE "$full" "$log"; then
    printf 'the disk is full'
  elif grep -qiE "$unreachable" "$log"; then
    printf 'the package registry could not be reached; is there a network?'
  else
    grep -iE '^ *error|error:' "$log" | tail -n 1 | cut -c1-200 || printf 'no reason given'
  fi
}

ready=$venv/.phdlib-installed
if python=$(conda_python); then
  echo "Using the conda environment $CONDA_PREFIX."
else
  python=$venv/bin/python
  if [ -f "$ready" ] && [ "$(stamp_text 2>/dev/null)" = "$(cat "$ready")" ]; then
    echo "Using the environment $venv."
  else
    { mkdir -p "$(dirname "$log")" && echo "$venv" >"$log"; } 2>/dev/null ||
      fail 1 "cannot write $log; is the disk full, or the folder not yours?"
    tool=pip
    if command -v uv >/dev/null; then tool=uv; fi
    echo "Installing the pinned versions into $venv with $tool: a few minutes, about 2.4 GB (more with CUDA). Log: $log"
    rm -f "$ready"
    make_venv
    install || fail 1 "installing failed: $(explain) (call again to retry; full log: $log)"
    stamp_text >"$ready.new" && mv "$ready.new" "$ready" || fail 1 "cannot write $ready; is the disk full?"
  fi
fi

# --- what was asked --------------------------------------------------------------------------------------------------
cd "$root"
export PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" # this clone's code, whichever made the environment
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE} # waiting threads leave a busy core to others
# glibc would give a training step's memory back, and ask for it again at the next: 8 % of the time here.
export MALLOC_MMAP_THRESHOLD_=4294967296 MALLOC_TRIM_THRESHOLD_=17179869184 MALLOC_TOP_PAD_=268435456
export JUPYTER_PREFER_ENV_PATH=1 # the kernel of this environment, not one of the user's
case $action in
  run) exec "$python" -m phdlib.run ${given[@]+"${given[@]}"} ;;
  verify) exec "$python" -m phdlib.verify "$@" ;;
  lab) exec "$python" -m jupyterlab --notebook-dir="$root" --LabApp.default_url=/lab/tree/notebooks/00_overview.ipynb "$@" ;;
  test)
    if [ $# -eq 0 ]; then
      "$python" -m ruff check .
      "$python" -m ruff format --check .
    fi
    export PHDLIB_PROFILE=smoke PHDLIB_DATA_SOURCE=embedded
    notebooks=(--nbval-lax --nbval-current-env --nbval-cell-timeout=600)
    if [ $# -gt 0 ]; then exec "$python" -m pytest "${notebooks[@]}" "$@"; fi
    OMP_NUM_THREADS=1 "$python" -m pytest -n auto --maxprocesses=4 --dist loadfile tests
    # Side by side, each with one process for what it trains; of two that need the same training one waits for the other.
    notebooks+=(-n auto --maxprocesses=4 --dist loadfile --no-loadscope-reorder)
    PHDLIB_JOBS=1 exec "$python" -m pytest "${notebooks[@]}" notebooks
    ;;
esac
