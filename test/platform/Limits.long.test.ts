/** Limits.test.ts, with every kind of app. */
import "./Limits.test.js"
