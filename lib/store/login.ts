/** Who lainlet is to etcd, and whom it trusts to be etcd. */
export interface Login {
  /** PEM texts. */
  readonly tls?: {
    readonly ca: string;
    readonly client?: { readonly cert: string; readonly key: string };
  };
  readonly auth?: { readonly username: string; readonly password: string };
}
