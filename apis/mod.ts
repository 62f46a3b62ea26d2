import type { Page } from "../lib/page.ts";
import type { View } from "../lib/view.ts";

import appname from "./appname.ts";
import appswatcher from "./appswatcher.ts";
import backupspec from "./backupspec.ts";
import configwatcher from "./configwatcher.ts";
import containers from "./containers.ts";
import coreinfowatcher from "./coreinfowatcher.ts";
import debug from "./debug.ts";
import depends from "./depends.ts";
import healthz from "./healthz.ts";
import localspec from "./localspec.ts";
import nodes from "./nodes.ts";
import procwatcher from "./procwatcher.ts";
import proxywatcher from "./proxywatcher.ts";
import readyz from "./readyz.ts";
import rebellionLocalprocs from "./rebellion_localprocs.ts";
import streamrouterPorts from "./streamrouter_ports.ts";
import streamrouterStreamprocs from "./streamrouter_streamprocs.ts";
import version from "./version.ts";
import webrouterWebprocs from "./webrouter_webprocs.ts";

/** Every endpoint that can be read and watched. */
export const views: readonly View[] = [
  appswatcher,
  backupspec,
  configwatcher,
  containers,
  coreinfowatcher,
  depends,
  localspec,
  nodes,
  procwatcher,
  proxywatcher,
  rebellionLocalprocs,
  streamrouterPorts,
  streamrouterStreamprocs,
  webrouterWebprocs,
];

/** Every other endpoint. */
export const pages: readonly Page[] = [
  appname,
  debug,
  healthz,
  readyz,
  version,
];
