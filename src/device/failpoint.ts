/** Named points at which tests end the process. */
export type Failpoint =
  | 'device.afterReceive'
  | 'device.beforeJournal'
  | 'device.afterJournal.beforeApply'
  | 'device.afterApply.beforeReadback'
  | 'device.afterReadback.beforeReport'
  | 'device.afterReport.beforeAck'
  | 'direct.afterReceive'
  | 'direct.afterJournal.beforeHandler'
  | 'direct.afterHandler.beforeJournal'
  | 'direct.afterJournal.beforeAnswer'
  | 'direct.afterAnswer.beforeAck';
