/** Runs before the first paint, so that a page chosen dark is never seen light. */
import { applyTheme } from './themeChoice.js';

applyTheme();
