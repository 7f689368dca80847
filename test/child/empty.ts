// A module that does no task.
export const other = 1;
