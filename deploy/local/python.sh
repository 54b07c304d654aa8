# Chooses the Python that .venv is made with. Read by venv.sh and by its tests; POSIX sh.

# The tests run on the first; Ubuntu 24.04 and Debian 13 bring the others.
TESTED_PYTHON=3.11
SUPPORTED_PYTHONS="$TESTED_PYTHON 3.12 3.13"

python_version_of() {
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || echo "not there"
}

is_supported_python() {
    case " $SUPPORTED_PYTHONS " in *" $(python_version_of "$1") "*) return 0 ;; esac
    return 1
}

# Sets $python and $python_version to the candidate with the most preferred version, the first of several; both are
# empty when none is supported. $tried then says what each candidate is.
choose_python() {
    python= python_version= tried=
    for candidate in "$@"; do
        found=$(python_version_of "$candidate")
        tried="$tried${tried:+, }$candidate ($found)"
        for preferred in $SUPPORTED_PYTHONS; do
            [ "$python_version" != "$preferred" ] || break
            if [ "$found" = "$preferred" ]; then
                python=$candidate python_version=$found
                break
            fi
        done
    done
}
