#!/usr/bin/env bash
# Install istag-webhook from this checkout and run `istag-webhook check`; action.yml describes each INPUT_ variable.
# Exit codes: 0 everything would be allowed, 1 something would be denied, 2 an input cannot be used.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
# Steps of a job share the installation; each version of the action has its own checkout.
environment=${RUNNER_TEMP:?expected the directory of the job}/istag-webhook-$(printf %s "$root" | cksum | cut -d ' ' -f 1)

# Print the arguments from a list of values, one per line, each terminated by a null byte.
arguments() {
  local value
  while IFS= read -r value; do
    value=${value%$'\r'}
    [[ -z ${value//[[:space:]]/} ]] || printf '%s\0' ${2:+"$2"} "$value"
  done <<< "$1"
}

mapfile -d '' -t paths < <(arguments "${INPUT_PATHS:-}")
mapfile -d '' -t options < <(arguments "${INPUT_POLICY:-}" --policy; arguments "${INPUT_OLD:-}" --old)
if (( ${#paths[@]} == 0 )); then
  echo '::error title=istag-webhook::paths: expected files or directories with manifests, one per line'
  exit 2
fi
options+=(--namespace "${INPUT_NAMESPACE:-default}" --format "${INPUT_FORMAT:-github}")
for name in strict fail-on-empty fail-on-warn; do
  variable=${name//-/_}
  variable=INPUT_${variable^^}
  case ${!variable:-false} in
    true) options+=("--$name") ;;
    false) ;;
    *)
      echo "::error title=istag-webhook::$name: expected true or false, found \"${!variable}\""
      exit 2
      ;;
  esac
done

# Install the libraries that the image has, each with its hash, and then the package itself from this checkout.
install() {
  local pip=("$environment/bin/pip" install --quiet --disable-pip-version-check)
  "${PYTHON:-python3}" -m venv --clear "$environment" &&
    "${pip[@]}" --require-hashes --requirement "$root/requirements.lock" --requirement "$root/requirements-build.lock" &&
    "${pip[@]}" --no-deps --no-build-isolation "$root" &&
    touch "$environment/installed"
}

if [[ ! -e $environment/installed ]] && ! install; then
  echo '::error title=istag-webhook::the installation failed; the lines above say why'
  exit 2
fi

if [[ -n ${INPUT_REPORT:-} ]]; then
  echo "report=$INPUT_REPORT" >> "${GITHUB_OUTPUT:-/dev/null}"
  exec > "$INPUT_REPORT"
fi
exec "$environment/bin/istag-webhook" check "${options[@]}" -- "${paths[@]}"
