import { applySchedule, deleteSchedule } from '../../clients/temporal/index.js';
import { scheduleId } from '../../domain/names.js';
import { loadConfig } from '../loadConfig.js';
import { interruptible, withTemporal } from '../support/runs.js';
import { examples, exitCodes, type CliContext, type Command } from '../support/verb.js';

const CODES = { 0: 'done', 2: 'usage or configuration', 3: 'Temporal is unreachable' };

export function register(program: Command, ctx: CliContext): void {
  const schedule = program
    .command('schedule')
    .description('the Temporal Schedule that keeps the figures up to date')
    .addHelpText(
      'after',
      examples([
        'clickstream schedule apply',
        'clickstream temporal schedule toggle --pause --schedule-id clickstream-schedule',
      ]),
    )
    .addHelpText('after', exitCodes(CODES));

  schedule
    .command('apply')
    .description('make it what analyze.schedule and analyze.workflow say; a pause that somebody set stays')
    .addHelpText('after', '\nA run that is still going when the next is due is not joined by a second one.')
    .addHelpText('after', exitCodes(CODES))
    .action(async () => {
      const settings = await loadConfig({ config: ctx.config });
      const applying = withTemporal(settings, (temporal) => applySchedule(temporal, settings.config));
      const report = await interruptible(ctx.signal, applying);
      const { id, action, workflow, everyMs, paused } = report;
      ctx.result(
        report,
        `${action} ${id}: ${workflow} every ${everyMs / 1000} s${paused ? ' (paused, and left so)' : ''}`,
      );
    });

  schedule
    .command('delete')
    .description('remove it; a run that it started goes on')
    .addHelpText('after', exitCodes(CODES))
    .action(async () => {
      const settings = await loadConfig({ config: ctx.config });
      const { name } = settings.config;
      const deleting = withTemporal(settings, (temporal) => deleteSchedule(temporal, name));
      const deleted = await interruptible(ctx.signal, deleting);
      ctx.result(
        { id: scheduleId(name), deleted },
        `${scheduleId(name)} ${deleted ? 'deleted' : 'was not there'}`,
      );
    });
}
