/** Interim.test.ts, with every kind of app. */
import "./Interim.test.js"
