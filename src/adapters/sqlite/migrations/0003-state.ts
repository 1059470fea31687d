/**
 * A command's body stays as it was first stored; what changes in its life stands in `state` (NULL: nothing did yet), so
 * that a step writes half as much. The same for a write and its `outcome`.
 */
export const STATE_0003 = `
ALTER TABLE command ADD COLUMN state TEXT;
ALTER TABLE write ADD COLUMN outcome TEXT;
`;
