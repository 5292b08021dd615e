/* Calls whose arguments are known, made again one after another. */

#include "export.h"

typedef struct {
    long (*function)(const Arguments *arguments); /* null after the last call */
    const Arguments *arguments;
    long result;
} Repeated;

/* Return the first result that is not 0, else 0; later calls are not made. */
EXPORT long xpcnn_repeat(Repeated *call)
{
    for (; call->function; call++)
        if ((call->result = call->function(call->arguments)))
            return call->result;
    return 0;
}
