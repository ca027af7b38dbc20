/** Goodbye.test.ts, with every kind of app. */
import "./Goodbye.test.js"
