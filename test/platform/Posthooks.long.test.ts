/** Posthooks.test.ts, with every kind of app. */
import "./Posthooks.test.js"
