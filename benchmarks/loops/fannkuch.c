#include <stdbool.h>
#include <stdint.h>
#include <string.h>

void run(int64_t n, double *result) {
    int64_t first[16], p[16], count[16];
    for (int64_t i = 0; i < n; i++) first[i] = count[i] = i;
    int64_t most = 0, checksum = 0, r = n;
    bool even = true;
    while (true) {
        while (r > 1) {
            count[r - 1] = r;
            r--;
        }
        if (first[0] != 0) {
            int64_t flips = 0;
            memcpy(p, first, 8 * n);
            int64_t front = p[0];
            while (front != 0) {
                int64_t low = 1, high = front - 1;
                while (low < high) {
                    int64_t kept = p[low];
                    p[low] = p[high];
                    p[high] = kept;
                    low++;
                    high--;
                }
                int64_t next = p[front];
                p[front] = front;
                front = next;
                flips++;
            }
            most = flips > most ? flips : most;
            checksum += even ? flips : -flips;
        }
        while (true) {
            if (r == n) {
                result[0] = (double)checksum;
                result[1] = (double)most;
                return;
            }
            int64_t moved = first[0];
            for (int64_t i = 0; i < r; i++) first[i] = first[i + 1];
            first[r] = moved;
            count[r]--;
            if (count[r] > 0) break;
            r++;
        }
        even = !even;
    }
}
