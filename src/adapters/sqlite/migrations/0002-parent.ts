/** The children of one request for many things. Commands without a parent cost the index nothing. */
export const PARENT_0002 = `
ALTER TABLE command ADD COLUMN parent TEXT;
CREATE INDEX command_parent ON command (parent, id) WHERE parent IS NOT NULL;
`;
