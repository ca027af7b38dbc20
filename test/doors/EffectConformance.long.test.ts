/** EffectConformance.test.ts, over every listener. */
import "./EffectConformance.test.js"
