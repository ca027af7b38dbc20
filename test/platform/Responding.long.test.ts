/** Responding.test.ts, with every kind of app. */
import "./Responding.test.js"
