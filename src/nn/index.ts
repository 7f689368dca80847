export { type Initialiser, initialise } from './init.js';
export * from './layers.js';
export { Module } from './module.js';
