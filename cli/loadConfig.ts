export { loadConfig, type Settings } from '../clients/settings/loadConfig.js';
