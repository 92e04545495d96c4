interface MetaNode {
  readonly meta: { readonly name: string };
}

interface RuleContext {
  readonly filename: string;
  report(problem: { node: MetaNode; message: string }): void;
}

/** The dashboard's build runs in a checkout only. */
const EXEMPT = ["/src/files/package-files.ts", "/src/dashboard/vite.config.ts"];

/** `import.meta` says where a module lies, and what is built of a module lies elsewhere. */
export function packageFilesRule(context: RuleContext) {
  const { filename } = context;
  if (!filename.includes("/src/") || EXEMPT.some((path) => filename.endsWith(path))) return {};
  return {
    MetaProperty(node: MetaNode) {
      if (node.meta.name !== "import") return;
      const message = "a built package has its files elsewhere: src/files/package-files.ts finds them";
      context.report({ node, message });
    },
  };
}
