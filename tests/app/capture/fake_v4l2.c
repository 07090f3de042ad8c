/* Video4linux cameras that are not there, preloaded into a process that then finds them under /dev.
 *
 * Each takes the place of open, ioctl and close for /dev/video0 to 3:
 *   video0  a webcam: YUYV at 10 fps and Motion-JPEG at 30 fps for 1280x720, YUYV at 30 fps for 640x360
 *   video1  its metadata node, which captures no pictures
 *   video2  I420 of any size from 64x64 to 1920x1080 in steps of 2, at any rate from 1 to 60 fps
 *   video3  a camera that offers H.265 alone
 * The folder named by FAKE_V4L2 says how things are, by files that may come and go: "videoN" there is such
 * a camera; "busy", "denied", "gone", "stalled"; "picture.jpg" is what Motion-JPEG pictures hold. Pictures
 * come at their rate, stamped on the monotonic clock; the luma of raw ones is the number of the picture.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FDS = 1024, BUFFERS = 8, NONE = -1 };

struct camera {
    int node, flags, streaming, first, next, width, height, picture;
    unsigned format, jpeg_bytes;
    struct v4l2_fract interval;
    size_t length;
    unsigned char *memory;
    int queue[BUFFERS], queued;
    double begin;
};

static struct camera *cameras[FDS];

static const struct offer { int node; unsigned format, width, height, fps; } offers[] = {
    {0, V4L2_PIX_FMT_YUYV, 1280, 720, 10}, {0, V4L2_PIX_FMT_YUYV, 640, 360, 30},
    {0, V4L2_PIX_FMT_YUYV, 640, 360, 15},  {0, V4L2_PIX_FMT_MJPEG, 1280, 720, 30},
    {3, V4L2_PIX_FMT_HEVC, 1280, 720, 30},
};
enum { OFFERS = sizeof offers / sizeof *offers };

static int there(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", getenv("FAKE_V4L2"), name);
    return access(path, F_OK) == 0;
}

static int fail(int error) {
    errno = error;
    return -1;
}

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static int fake_open(const char *path, int flags) {
    int node = path[strlen(path) - 1] - '0';
    if (!there(path + strlen("/dev/")) || there("gone")) return fail(ENOENT);
    if (there("denied")) return fail(EACCES);
    int fd = memfd_create("camera", MFD_CLOEXEC);
    if (fd < 0 || fd >= FDS) return fail(EMFILE);
    struct camera *camera = cameras[fd] = calloc(1, sizeof *camera);
    *camera = (struct camera){.node = node, .flags = flags, .width = 640, .height = 360,
                              .format = V4L2_PIX_FMT_YUYV, .interval = {1, 30}};
    return fd;
}

#define OPEN(NAME)                                                             \
    int NAME(const char *path, int flags, ...) {                               \
        va_list rest;                                                          \
        va_start(rest, flags);                                                 \
        int mode = va_arg(rest, int);                                          \
        va_end(rest);                                                          \
        if (!strncmp(path, "/dev/video", 10)) return fake_open(path, flags);   \
        int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, #NAME);         \
        return real(path, flags, mode);                                        \
    }
OPEN(open)
OPEN(open64)

int close(int fd) {
    if (fd >= 0 && fd < FDS && cameras[fd]) {
        free(cameras[fd]);
        cameras[fd] = NULL;
    }
    return ((int (*)(int))dlsym(RTLD_NEXT, "close"))(fd);
}

static int offers_format(int node, unsigned format) {
    if (node == 2) return format == V4L2_PIX_FMT_YUV420;
    for (int i = 0; i < OFFERS; i++)
        if (offers[i].node == node && offers[i].format == format) return 1;
    return 0;
}

static int enum_format(struct camera *camera, struct v4l2_fmtdesc *desc) {
    static const unsigned formats[] = {V4L2_PIX_FMT_YUYV, V4L2_PIX_FMT_MJPEG, V4L2_PIX_FMT_YUV420,
                                       V4L2_PIX_FMT_HEVC};
    static const char *names[] = {"YUYV 4:2:2", "Motion-JPEG", "Planar YUV 4:2:0", "HEVC"};
    int left = desc->index;
    for (int i = 0; i < 4; i++)
        if (offers_format(camera->node, formats[i]) && left-- == 0) {
            desc->pixelformat = formats[i];
            strcpy((char *)desc->description, names[i]);
            return 0;
        }
    return fail(EINVAL);
}

static int enum_size(struct camera *camera, struct v4l2_frmsizeenum *size) {
    if (camera->node == 2) {
        if (size->index) return fail(EINVAL);
        size->type = V4L2_FRMSIZE_TYPE_STEPWISE;
        size->stepwise = (struct v4l2_frmsize_stepwise){64, 1920, 2, 64, 1080, 2};
        return 0;
    }
    int left = size->index;
    for (int i = 0; i < OFFERS; i++) /* a size with two rates is listed twice, as some drivers do */
        if (offers[i].node == camera->node && offers[i].format == size->pixel_format && left-- == 0) {
            size->type = V4L2_FRMSIZE_TYPE_DISCRETE;
            size->discrete = (struct v4l2_frmsize_discrete){offers[i].width, offers[i].height};
            return 0;
        }
    return fail(EINVAL);
}

static int enum_interval(struct camera *camera, struct v4l2_frmivalenum *interval) {
    if (camera->node == 2) {
        if (interval->index) return fail(EINVAL);
        interval->type = V4L2_FRMIVAL_TYPE_STEPWISE;
        interval->stepwise = (struct v4l2_frmival_stepwise){{1, 60}, {1, 1}, {1, 60}};
        return 0;
    }
    int left = interval->index;
    for (int i = 0; i < OFFERS; i++)
        if (offers[i].node == camera->node && offers[i].format == interval->pixel_format &&
            offers[i].width == interval->width && offers[i].height == interval->height && left-- == 0) {
            interval->type = V4L2_FRMIVAL_TYPE_DISCRETE;
            interval->discrete = (struct v4l2_fract){1, offers[i].fps};
            return 0;
        }
    return fail(EINVAL);
}

static int set_format(struct camera *camera, struct v4l2_format *format) {
    struct v4l2_pix_format *pix = &format->fmt.pix;
    if (there("busy")) return fail(EBUSY);
    if (!offers_format(camera->node, pix->pixelformat)) return fail(EINVAL);
    camera->format = pix->pixelformat;
    camera->width = pix->width, camera->height = pix->height;
    return 0;
}

static size_t picture_bytes(struct camera *camera) {
    size_t pixels = (size_t)camera->width * camera->height;
    return camera->format == V4L2_PIX_FMT_YUV420 ? pixels * 3 / 2 : pixels * 2;
}

static int request_buffers(int fd, struct camera *camera, struct v4l2_requestbuffers *request) {
    camera->length = (picture_bytes(camera) + 4095) / 4096 * 4096;
    if (ftruncate(fd, camera->length * BUFFERS)) return -1;
    camera->memory = mmap(NULL, camera->length * BUFFERS, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    request->count = BUFFERS;
    return 0;
}

static unsigned paint(struct camera *camera, unsigned char *picture) {
    size_t pixels = (size_t)camera->width * camera->height;
    if (camera->format == V4L2_PIX_FMT_MJPEG) {
        char path[512];
        snprintf(path, sizeof path, "%s/picture.jpg", getenv("FAKE_V4L2"));
        FILE *file = fopen(path, "rb");
        unsigned bytes = fread(picture, 1, camera->length, file);
        fclose(file);
        return bytes;
    }
    int number = camera->picture % 200;
    if (camera->format == V4L2_PIX_FMT_YUV420) {
        memset(picture, number, pixels);
        memset(picture + pixels, 128, pixels / 2);
    } else
        for (size_t i = 0; i < pixels; i++) picture[2 * i] = number, picture[2 * i + 1] = 128;
    return picture_bytes(camera);
}

static int dequeue(struct camera *camera, struct v4l2_buffer *buffer) {
    double due;
    for (;;) {
        due = camera->begin + (double)camera->picture * camera->interval.numerator / camera->interval.denominator;
        if (there("gone")) return fail(ENODEV);
        if (!there("stalled") && camera->queued && now() >= due) break;
        if (camera->flags & O_NONBLOCK) return fail(EAGAIN);
        usleep(500);
    }
    int index = camera->queue[0];
    memmove(camera->queue, camera->queue + 1, --camera->queued * sizeof(int));
    buffer->index = index;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->bytesused = paint(camera, camera->memory + index * camera->length);
    buffer->timestamp = (struct timeval){due, (due - (long)due) * 1e6};
    camera->picture++;
    return 0;
}

static int fake_ioctl(int fd, struct camera *camera, unsigned long request, void *argument) {
    if (there("gone")) return fail(ENODEV);
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *capability = argument;
        strcpy((char *)capability->card, "Fake");
        capability->device_caps =
            V4L2_CAP_STREAMING | (camera->node == 1 ? V4L2_CAP_META_CAPTURE : V4L2_CAP_VIDEO_CAPTURE);
        capability->capabilities =
            V4L2_CAP_DEVICE_CAPS | V4L2_CAP_STREAMING | V4L2_CAP_VIDEO_CAPTURE | V4L2_CAP_META_CAPTURE;
        return 0;
    }
    case VIDIOC_G_INPUT: *(int *)argument = 0; return 0;
    case VIDIOC_ENUMINPUT: return 0;
    case VIDIOC_ENUM_FMT: return enum_format(camera, argument);
    case VIDIOC_ENUM_FRAMESIZES: return enum_size(camera, argument);
    case VIDIOC_ENUM_FRAMEINTERVALS: return enum_interval(camera, argument);
    case VIDIOC_S_FMT: return set_format(camera, argument);
    case VIDIOC_G_PARM: {
        struct v4l2_captureparm *capture = &((struct v4l2_streamparm *)argument)->parm.capture;
        capture->capability = V4L2_CAP_TIMEPERFRAME;
        capture->timeperframe = camera->interval;
        return 0;
    }
    case VIDIOC_S_PARM:
        camera->interval = ((struct v4l2_streamparm *)argument)->parm.capture.timeperframe;
        return 0;
    case VIDIOC_REQBUFS: return request_buffers(fd, camera, argument);
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = argument;
        buffer->length = camera->length;
        buffer->m.offset = buffer->index * camera->length;
        return 0;
    }
    case VIDIOC_QBUF:
        camera->queue[camera->queued++] = ((struct v4l2_buffer *)argument)->index;
        return 0;
    case VIDIOC_DQBUF: return dequeue(camera, argument);
    case VIDIOC_STREAMON: camera->begin = now() + 0.02; return 0;
    case VIDIOC_STREAMOFF: return 0;
    default: return fail(ENOTTY);
    }
}

int ioctl(int fd, unsigned long request, ...) {
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (fd >= 0 && fd < FDS && cameras[fd]) return fake_ioctl(fd, cameras[fd], (unsigned)request, argument);
    int (*real)(int, unsigned long, ...) = dlsym(RTLD_NEXT, "ioctl");
    return real(fd, request, argument);
}
