/** A refusal of the shadow service in AWS's own code and words; `code` is an HTTP status (R68). */
export interface ShadowRejection {
  readonly code: number;
  readonly message: string;
}

const refusal = (code: number, message: string): ShadowRejection => ({ code, message });

/**
 * Every text as the service sends it. Where the documentation differs from what was seen live, the live text is here.
 *
 * Source   The table after R82. The texts for nulls in arrays (R26), throttling (R83) and bodies that are no object (R14)
 *          are not public; these are ours.
 */
export const REJECTIONS = {
  invalidJson: refusal(400, 'Payload contains invalid json'),
  missingState: refusal(400, 'Missing required node: state'),
  stateNotObject: refusal(400, 'State node must be an object'),
  sectionNotObject: (name: 'desired' | 'reported') =>
    refusal(400, `${name === 'desired' ? 'Desired' : 'Reported'} node must be an object`),
  invalidNode: (name: string) => refusal(400, `State contains an invalid node: '${clip(name)}'`),
  invalidVersion: refusal(400, 'Invalid version'),
  invalidToken: refusal(400, 'Invalid clientToken'),
  tooDeep: (levels: number) => refusal(400, `JSON contains too many levels of nesting; maximum is ${levels}`),
  nullInArray: refusal(400, 'Payload contains invalid json: null is not allowed in arrays'),
  invalidThingName: refusal(400, 'Invalid thing name'),
  invalidShadowName: refusal(400, 'Invalid shadow name'),
  forbidden: refusal(403, 'Forbidden'),
  /** The thing name for a classic shadow, the shadow name for a named one (R77). */
  noShadow: (name: string) => refusal(404, `No shadow exists with name: '${name}'`),
  versionConflict: refusal(409, 'Version conflict'),
  tooLarge: refusal(413, 'The payload exceeds the maximum size allowed'),
  notUtf8: refusal(415, 'Unsupported documented encoding; supported encoding is UTF-8'),
  tooManyRequests: refusal(429, 'Too Many Requests'),
  internal: refusal(500, 'Internal service failure'),
} as const;

/** A member name in a message: names may be as long as the payload. */
function clip(name: string): string {
  return name.length > 64 ? `${name.slice(0, 64)}…` : name;
}
