import type { Governor } from '../../src/governor';
import type { Opened } from './engines';

/** Obeys what the parent process sends, one order after the other, and ends when it says so. */
export function serveOrders<Order>(obey: (order: Order) => Promise<object>, governor: Governor, opened: Opened): void {
  process.on('message', (order: Order | 'end') => {
    if (order === 'end') {
      void governor
        .close()
        .then(() => opened.close())
        .finally(() => process.exit(0));
      return;
    }
    obey(order).then(
      (report) => process.send?.(report),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
  process.send?.('ready');
}
