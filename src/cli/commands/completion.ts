import { Argument, type Command } from 'commander';
import { ok } from '../../core/result.ts';
import { EXIT, type Cli } from '../cli.ts';

type Shell = 'bash' | 'zsh' | 'fish';

/** Completion scripts for verbs and thing names. They ask this program itself, so they never grow stale. */
export function define(command: Command, cli: Cli): void {
  command
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', HELP)
    .action(
      cli.action(async (shell: Shell) => {
        cli.output.data(SCRIPTS[shell]);
        return ok(EXIT.ok);
      }),
    );
}

/** Verbs and the verbs below them come from the help, options from theirs, things from the server, which gets 300 ms. */
const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `_shadowctl() {
  local word="\${COMP_WORDS[COMP_CWORD]}" verb="\${COMP_WORDS[1]}" found=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    found="$(shadowctl --help 2>/dev/null | sed -n 's/^  \\([a-z]\\{2,\\}\\) .*/\\1/p')"
  elif [ "\${word#-}" != "$word" ]; then
    found="$(shadowctl "$verb" "\${COMP_WORDS[2]}" --help 2>/dev/null | grep -oE -- '--[a-z-]+')"
  else
    [ "$COMP_CWORD" -eq 2 ] &&
      found="$(shadowctl "$verb" --help 2>/dev/null | sed -n '/^Commands:/,$s/^  \\([a-z]\\{2,\\}\\) .*/\\1/p')"
    [ -n "$found" ] || found="$(timeout 0.3 shadowctl things --names --limit 100 2>/dev/null)"
  fi
  COMPREPLY=($(compgen -W "$found" -- "$word"))
}
complete -F _shadowctl shadowctl`,
  zsh: `#compdef shadowctl
_shadowctl() {
  local -a words_found
  if (( CURRENT == 2 )); then
    words_found=(\${(f)"$(shadowctl --help 2>/dev/null | sed -n 's/^  \\([a-z]\\{2,\\}\\) .*/\\1/p')"})
  elif [[ $words[CURRENT] == -* ]]; then
    words_found=(\${(f)"$(shadowctl $words[2] "$words[3]" --help 2>/dev/null | grep -oE -- '--[a-z-]+')"})
  else
    (( CURRENT == 3 )) &&
      words_found=(\${(f)"$(shadowctl $words[2] --help 2>/dev/null | sed -n '/^Commands:/,$s/^  \\([a-z]\\{2,\\}\\) .*/\\1/p')"})
    (( $#words_found )) || words_found=(\${(f)"$(timeout 0.3 shadowctl things --names --limit 100 2>/dev/null)"})
  fi
  compadd -- $words_found
}
compdef _shadowctl shadowctl`,
  fish: `function __shadowctl_words
  set -l words (commandline -opc)
  if test (count $words) -eq 1
    shadowctl --help 2>/dev/null | string match -rg '^  ([a-z]{2,}) '
  else if string match -q -- '-*' (commandline -ct)
    shadowctl $words[2..3] --help 2>/dev/null | string match -rag -- '(--[a-z-]+)'
  else
    set -l below
    if test (count $words) -eq 2
      set below (shadowctl $words[2] --help 2>/dev/null | sed -n '/^Commands:/,$s/^  \\([a-z]\\{2,\\}\\) .*/\\1/p')
    end
    if test (count $below) -gt 0
      printf '%s\\n' $below
    else
      timeout 0.3 shadowctl things --names --limit 100 2>/dev/null
    end
  end
end
complete -c shadowctl -f -a '(__shadowctl_words)'`,
};

const HELP = `
Examples:
  $ eval "$(shadowctl completion bash)"                                  in ~/.bashrc
  $ shadowctl completion zsh > "\${fpath[1]}/_shadowctl"
  $ shadowctl completion fish > ~/.config/fish/completions/shadowctl.fish`;
