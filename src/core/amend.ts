/**
 * A copy with some members changed or added. Instead of `{ ...before, added: 1 }` wherever a member may be new: there V8
 * gives every single copy a hidden class of its own, which takes microseconds to make and turns each later read of the
 * copy into a slow one (docs/adr/0010). Only for objects whose keys are ours: `__proto__` among them would be obeyed.
 */
export function amend<T extends object>(before: T, members: Partial<NoInfer<T>>): T {
  return Object.assign({}, before, members);
}
