import js from '@eslint/js';
import importX, { createNodeResolver } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** Imports point one way: cli, workers, web → activities → clients → domain; workflows → domain. */
const mayImport = {
  domain: [],
  migrations: [],
  clients: ['domain', 'migrations'],
  activities: ['clients', 'domain'],
  workflows: ['domain'],
  workers: ['activities', 'clients', 'domain', 'workflows'],
  infra: ['domain'],
  bench: ['activities', 'clients', 'domain', 'web'],
  web: ['activities', 'clients', 'domain'],
  cli: ['activities', 'bench', 'clients', 'domain', 'infra', 'migrations', 'web', 'workers', 'workflows'],
};
const folders = Object.keys(mayImport);
const zones = folders
  .map((target) => ({
    target: `./${target}`,
    from: folders
      .filter((from) => from !== target && !mayImport[target].includes(from))
      .map((from) => `./${from}`),
    message: `${target}/ may import only from: ${mayImport[target].join(', ') || 'nothing'}`,
  }))
  .filter(({ from }) => from.length > 0);
/** A library of its own: of the rest it knows the classes of errors. */
const sparkLibrary = [
  { target: './clients/spark', from: './domain', except: ['./errors.ts'] },
  { target: './clients/spark', from: './clients', except: ['./spark'] },
].map((zone) => ({ ...zone, message: 'clients/spark/ may import only domain/errors.ts' }));

/** What goes to a browser; web/view/ is the part of it that needs none. */
const page = [
  { target: './web/page', from: './web', except: ['./page', './view'] },
  { target: './web/view', from: './web', except: ['./view'] },
  ...mayImport.web.flatMap((from) => [
    { target: './web/page', from: `./${from}` },
    { target: './web/view', from: `./${from}` },
  ]),
].map((zone) => ({ ...zone, message: `${zone.target.slice(2)}/ may import only web/view/` }));

const noNode = {
  patterns: [{ group: ['node:*'], message: 'No I/O and no Node module here' }],
};

export default tseslint.config(
  // What is called kernel/ is AssemblyScript.
  { ignores: ['dist/', 'node_modules/', 'clients/spark/gen/', 'test/histories/', '**/kernel/'] },
  js.configs.recommended,
  ...tseslint.configs.recommendedTypeChecked,
  {
    files: ['**/*.ts', '**/*.tsx'],
    plugins: { 'import-x': importX },
    // Without it `./x.js` names no file, and the rule of the folders says nothing.
    settings: {
      'import-x/resolver-next': [
        createNodeResolver({ extensionAlias: { '.js': ['.ts', '.tsx', '.js'], '.mjs': ['.mjs', '.mts'] } }),
      ],
    },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      'import-x/no-restricted-paths': ['error', { zones: [...zones, ...sparkLibrary, ...page] }],
      eqeqeq: ['error', 'always'],
    },
  },
  {
    files: ['domain/**/*.ts', 'workflows/**/*.ts', 'web/view/**/*.ts', 'web/page/**/*.ts?(x)'],
    rules: { 'no-restricted-imports': ['error', noNode] },
  },
  {
    files: ['test/**/*.ts'],
    // node:test's describe and test return promises that the runner itself awaits.
    rules: {
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'describe', 'it', 'before', 'after'] },
          ],
        },
      ],
    },
  },
  {
    files: ['**/*.mjs', '*.js'],
    ...tseslint.configs.disableTypeChecked,
    languageOptions: {
      globals: { process: 'readonly', console: 'readonly', URL: 'readonly', setTimeout: 'readonly' },
    },
  },
);
