import protobuf from "protobufjs";

/** The calls of etcd's API that lainlet makes. */
const CALLS: Readonly<Record<string, readonly string[]>> = {
  Auth: ["Authenticate"],
  KV: ["Range"],
  Watch: ["Watch"],
};

/**
 * What etcd's `.proto` files define, as protobufjs's JSON: of the calls that
 * are made, and their messages. For all others proto-loader would make tables,
 * too, at each start.
 *
 * @param path the file that defines the services
 */
export function definitions(path: string): string {
  const root = new protobuf.Root();
  root.loadSync(path, { keepCase: true }).resolveAll();
  const used = new Set<protobuf.ReflectionObject>();
  const use = (type: protobuf.ReflectionObject | null) => {
    if (type === null || used.has(type)) return;
    used.add(type);
    // What is in a message is named by it.
    use(type.parent);
    if (!(type instanceof protobuf.Type)) return;
    for (const { resolvedType } of type.fieldsArray) use(resolvedType);
  };
  for (const [name, calls] of Object.entries(CALLS)) {
    const service = root.lookupService(`etcdserverpb.${name}`);
    use(service);
    for (const method of service.methodsArray) {
      if (!calls.includes(method.name)) service.remove(method);
      else {
        use(method.resolvedRequestType);
        use(method.resolvedResponseType);
      }
    }
  }
  removeOthers(root, used);
  return JSON.stringify(root);
}

function removeOthers(
  space: protobuf.NamespaceBase,
  used: ReadonlySet<protobuf.ReflectionObject>,
): void {
  for (const one of [...space.nestedArray]) {
    if (!used.has(one)) space.remove(one);
    else if (one instanceof protobuf.Namespace) removeOthers(one, used);
  }
}
