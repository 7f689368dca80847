export { initialise, type Initialiser } from './init.js';
export * from './layers.js';
export { Module } from './module.js';
