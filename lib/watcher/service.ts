/**
 * The app that offers a service, by the name of a pod that is a portal of it:
 * `a.b.portal.portal-x` is one of `a.b`, `a.portal.portal-x` of `a`.
 */
export function serviceOf(podName: string): string {
  const parts = podName.split(".");
  return parts.slice(0, parts.length > 3 ? -2 : 1).join(".");
}
