import './page.css';
import { render } from 'preact';
import { Page } from './Page.js';

const root = document.getElementById('page');
if (root) render(<Page />, root);
