const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'no such file',
  ENOTDIR: 'no such file',
  EACCES: 'no right to read it',
  EPERM: 'no right to read it',
  EISDIR: 'a folder',
};

/** Why a file could not be read, in people's words where there are any. */
export function whyUnreadable(error: unknown): string {
  const { code = '', message } = error as NodeJS.ErrnoException;
  return WHY[code] ?? message;
}

/** Whether an error is about the file that was to be read. */
export const isUnreadable = (error: unknown): boolean =>
  ((error as NodeJS.ErrnoException | undefined)?.code ?? '') in WHY;
