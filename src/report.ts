export { type FormatOptions, type ReportFormat, formatReport, reportFormats } from './report/format';
export type { Report, ReportBy, ReportFigures, ReportRow } from './usage-report';
export type { Percentiles } from './usage/usage-log';
