import { Command, CommanderError } from 'commander';
import { VirnucproError, versions } from '../index.js';
import { benchCommand } from './bench.js';
import { callCommand } from './call.js';
import { EXIT } from './exit-codes.js';
import { devicesCommand } from './devices.js';
import { embedCommand } from './embed.js';
import { doctorCommand } from './doctor.js';
import { endProcessSoon, surviveLostTerminal } from './end-of-process.js';
import { modelsCommand } from './models-command.js';
import { predictCommand } from './predict.js';
import { setupCommand } from './setup.js';
import { withFlags } from '../monitor/flags.js';
import { Signals } from './signals.js';

/** The whole command line; the help texts and docs/cli.md come from here. */
export function buildProgram(): Command {
  const program = new Command('virnucpro')
    .description('Finds viral sequences in contigs with a DNA and a protein language model.')
    .option('-V, --version', 'print the versions of this program and of libtorch')
    .on('option:version', () => {
      console.log(versionText());
      throw new CommanderError(EXIT.done, 'commander.version', '');
    })
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command');
  const commands = [
    predictCommand(),
    callCommand(),
    embedCommand(),
    modelsCommand(),
    setupCommand(),
    devicesCommand(),
    doctorCommand(),
    benchCommand(),
  ];
  for (const command of commands) program.addCommand(command);
  // `run` reports a wrong argument in one line, whichever command it was given to.
  for (const command of everyCommand(program)) {
    command.exitOverride().configureOutput({ outputError: () => undefined });
  }
  return program;
}

/**
 * Runs one command line (without `node` and the script) and returns the exit code. The process exits with that code
 * shortly after, whatever still keeps it alive. Never throws.
 */
export async function main(words: readonly string[]): Promise<number> {
  const code = await run(words);
  endProcessSoon({ code, signal: Signals.stoppedProcess });
  return code;
}

async function run(words: readonly string[]): Promise<number> {
  process.exitCode = EXIT.done;
  surviveLostTerminal();
  // The reader of the output, such as `head`, has seen enough.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.done);
    // The terminal was closed: the handler of SIGHUP deals with that.
    if (error.code === 'EIO') return;
    console.error(`virnucpro: Standard output cannot be written: ${error.message}`);
    process.exit(EXIT.failed);
  });
  try {
    await buildProgram().parseAsync([...words], { from: 'user' });
    return process.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.done;
    // A command group without a subcommand: commander has already printed its help.
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT.failed;
    console.error(`virnucpro: ${messageOf(error)}`);
    return EXIT.failed;
  }
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}

function versionText(): string {
  const { virnucpro, libtorch } = versions();
  return `virnucpro ${virnucpro}\nlibtorch ${libtorch}`;
}

function messageOf(error: unknown): string {
  if (error instanceof CommanderError) return error.message.replace(/^error: /, '');
  if (error instanceof VirnucproError) return withFlags(error.message);
  if (error instanceof Error && 'syscall' in error && error.syscall === 'uv_cwd') {
    return (
      `The working directory was removed, or its path is too long (${error.message}), and a relative path needs it. ` +
      'Change to another directory'
    );
  }
  // Anything else is a bug in this program, and a bug report needs the stack trace.
  return error instanceof Error ? `internal error: ${error.stack ?? error.message}` : String(error);
}
