export const reason_of = () => '?';
