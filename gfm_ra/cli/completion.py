"""`gfm-ra completion`: scripts that complete commands, flags and choices in a shell."""

import argparse

_BASH = """_gfm_ra() {{
  local current="${{COMP_WORDS[COMP_CWORD]}}" previous="${{COMP_WORDS[COMP_CWORD-1]}}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then words="{commands}"; else
    case "${{COMP_WORDS[1]}} $previous" in
{choices}
      *) case "${{COMP_WORDS[1]}}" in
{flags}
      esac ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [ ${{#COMPREPLY[@]}} -gt 0 ] || COMPREPLY=($(compgen -f -- "$current"))
}}
complete -o filenames -F _gfm_ra gfm-ra
"""


def command(chosen: argparse.Namespace) -> int:
    """Print the script."""
    script = _script()
    if chosen.shell == "zsh":
        script = f"autoload -U +X bashcompinit && bashcompinit\n{script}"
    print(script, end="")  # noqa: T201
    return 0


def _script() -> str:
    from gfm_ra.cli.main import parser

    (subparsers,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    flags, choices = [], []
    for name, one in subparsers.choices.items():
        told = [
            flag
            for action in one._actions
            if action.help != argparse.SUPPRESS
            for flag in action.option_strings
        ]
        flags.append(f'        {name}) words="{" ".join(flag for flag in told if flag.startswith("--"))}" ;;')
        choices += [
            f'      "{name} {flag}") words="{" ".join(map(str, action.choices))}" ;;'
            for action in one._actions
            for flag in action.option_strings
            if action.choices
        ]
    return _BASH.format(
        commands=" ".join(subparsers.choices), choices="\n".join(choices), flags="\n".join(flags)
    )
