/** How bad the network is. All of it may change during a run. */
export interface Weather {
  /** Share of messages lost between client and broker, each way; the acknowledgement of a lost one comes nevertheless. */
  loss: number;
  /** Share of acknowledgements lost. */
  ackLoss: number;
  /** Share of messages delivered twice, the second time as a message of its own. */
  duplicate: number;
  /** Share of messages that may overtake others, by up to `reorderMs`. */
  reorder: number;
  reorderMs: number;
  /** Mean of what is added to the base latency. */
  delayMeanMs: number;
  /** Connections per hour and client that break by themselves. */
  breaksPerHour: number;
  /** Messages for a client that is away are kept and delivered when it comes back. */
  sessionReplay: boolean;
  /** Share of requests that the service refuses with 429. */
  throttle: number;
  /** Share of requests that the service answers with 500. */
  internalError: number;
  /** How much longer a SUBACK may take. */
  subackMs: number;
}

export function fairWeather(): Weather {
  return {
    loss: 0,
    ackLoss: 0,
    duplicate: 0,
    reorder: 0,
    reorderMs: 0,
    delayMeanMs: 0,
    breaksPerHour: 0,
    sessionReplay: false,
    throttle: 0,
    internalError: 0,
    subackMs: 0,
  };
}
