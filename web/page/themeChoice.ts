/** Light or dark: the system's, unless the reader chose the other here. */
export type Theme = 'light' | 'dark';

const KEY = 'clickstream-theme';

function systemTheme(): Theme {
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

/** Undefined also where the browser keeps nothing for this page. */
function storedTheme(): Theme | undefined {
  try {
    const stored = localStorage.getItem(KEY);
    return stored === 'light' || stored === 'dark' ? stored : undefined;
  } catch {
    return undefined;
  }
}

export function currentTheme(): Theme {
  return storedTheme() ?? systemTheme();
}

/** Marks the document; the style sheet does the rest. */
export function applyTheme(): void {
  const stored = storedTheme();
  if (stored) document.documentElement.dataset['theme'] = stored;
  else delete document.documentElement.dataset['theme'];
}

/** The system's own theme is followed again when it is chosen. */
export function chooseTheme(theme: Theme): void {
  try {
    if (theme === systemTheme()) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, theme);
    applyTheme();
  } catch {
    document.documentElement.dataset['theme'] = theme;
  }
}
