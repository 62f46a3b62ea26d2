/**
 * The list of endpoints, one line each. All exports are served.
 *
 * @module
 */
export { default as appname } from "./appname.ts";
export { default as appswatcher } from "./appswatcher.ts";
export { default as backupspec } from "./backupspec.ts";
export { default as changes } from "./changes.ts";
export { default as configwatcher } from "./configwatcher.ts";
export { default as containers } from "./containers.ts";
export { default as coreinfowatcher } from "./coreinfowatcher.ts";
export { default as dashboard } from "./dashboard.ts";
export { default as debug } from "./debug.ts";
export { default as depends } from "./depends.ts";
export { default as healthz } from "./healthz.ts";
export { default as listeners } from "./listeners.ts";
export { default as localspec } from "./localspec.ts";
export { default as metrics } from "./metrics.ts";
export { default as nodes } from "./nodes.ts";
export { default as openapi } from "./openapi.ts";
export { default as overview } from "./overview.ts";
export { default as pods } from "./pods.ts";
export { default as procwatcher } from "./procwatcher.ts";
export { default as prometheus } from "./prometheus.ts";
export { default as proxywatcher } from "./proxywatcher.ts";
export { default as readyz } from "./readyz.ts";
export { default as rebellionLocalprocs } from "./rebellion_localprocs.ts";
export { default as streamrouterPorts } from "./streamrouter_ports.ts";
export { default as streamrouterStreamprocs } from "./streamrouter_streamprocs.ts";
export { default as version } from "./version.ts";
export { default as watch } from "./watch.ts";
export { default as webrouterWebprocs } from "./webrouter_webprocs.ts";
