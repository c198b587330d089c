package org.apache.beam.runners.fnexecution.control;

import java.util.UUID;
import org.apache.beam.model.fnexecution.v1.BeamFnApi.DelayedBundleApplication;
import org.apache.beam.model.fnexecution.v1.BeamFnApi.ProcessBundleResponse;
import org.apache.beam.runners.core.StateInternalsFactory;
import org.apache.beam.runners.core.StateNamespace;
import org.apache.beam.runners.core.StateNamespaces;
import org.apache.beam.runners.core.StateTags;
import org.apache.beam.runners.core.TimerInternalsFactory;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.CoderException;
import org.apache.beam.sdk.state.TimeDomain;
import org.apache.beam.sdk.transforms.windowing.BoundedWindow;
import org.apache.beam.sdk.util.CoderUtils;
import org.apache.beam.sdk.util.WindowedValue;
import org.apache.beam.vendor.grpc.v1p60p1.com.google.protobuf.Timestamp;
import org.apache.beam.vendor.guava.v32_1_2_jre.com.google.common.collect.ImmutableList;
import org.joda.time.Duration;
import org.joda.time.Instant;

/**
 * Stands before Beam's class of this name on the class path of the local cluster and does the same: it keeps what is
 * left of a splittable DoFn's element as state of that element's key, and sets a timer of the state's name to read it.
 *
 * <p>Beam's own gives each a name that was never used before, and none is ever forgotten: Flink registers a state for every
 * name and writes some 2.5 kB about each into every checkpoint from then on. Here names come from a ring. The state of
 * a name is read when its timer fires and may be written again from then on, so the ring has to be longer than the
 * number of rests of one and the same element that wait at a time: one, if elements differ. A ring is drawn anew at
 * each start of the operator, so that what is restored from a checkpoint is not written over before it is read.
 */
public class BundleCheckpointHandlers {
  private BundleCheckpointHandlers() {}

  /** Reschedules what is left of elements through state and timers. */
  @SuppressWarnings({"rawtypes", "unchecked"})
  public static class StateAndTimerBundleCheckpointHandler<T> implements BundleCheckpointHandler {
    public static final String SDF_PREFIX = "sdf_checkpoint";
    private static final int RING = 16;

    private final TimerInternalsFactory<T> timers;
    private final StateInternalsFactory<T> states;
    private final Coder<WindowedValue<T>> coder;
    private final Coder windowCoder;
    private final String ring = UUID.randomUUID().toString().substring(0, 8);
    private int next;

    public StateAndTimerBundleCheckpointHandler(
        TimerInternalsFactory<T> timers,
        StateInternalsFactory<T> states,
        Coder<WindowedValue<T>> coder,
        Coder windowCoder) {
      this.timers = timers;
      this.states = states;
      this.coder = coder;
      this.windowCoder = windowCoder;
    }

    /** Says whether a timer is one of ours; its id is the name of the state to read. */
    public static boolean isSdfTimer(String timerId) {
      return timerId.startsWith(SDF_PREFIX);
    }

    @Override
    public void onCheckpoint(ProcessBundleResponse response) {
      for (DelayedBundleApplication rest : response.getResidualRootsList()) {
        if (!rest.hasApplication()) {
          continue;
        }
        String name = SDF_PREFIX + ":" + ring + ":" + next;
        next = (next + 1) % RING;
        try {
          keep(rest, name);
        } catch (CoderException error) {
          throw new IllegalStateException("cannot read what is left of an element", error);
        }
      }
    }

    private void keep(DelayedBundleApplication rest, String name) throws CoderException {
      byte[] element = rest.getApplication().getElement().toByteArray();
      WindowedValue<T> value = CoderUtils.decodeFromByteArray(coder, element);
      Instant due = Instant.now();
      if (rest.hasRequestedTimeDelay()) {
        due = due.plus(Duration.standardSeconds(rest.getRequestedTimeDelay().getSeconds()));
      }
      Instant hold = Instant.ofEpochMilli(hold(rest));
      for (BoundedWindow window : value.getWindows()) {
        StateNamespace namespace = StateNamespaces.window(windowCoder, window);
        timers
            .timerInternalsForKey(value.getValue())
            .setTimer(namespace, name, "", due, hold, TimeDomain.PROCESSING_TIME);
        states
            .stateInternalsForKey(value.getValue())
            .state(namespace, StateTags.value(name, coder))
            .write(
                WindowedValue.of(
                    value.getValue(), value.getTimestamp(), ImmutableList.of(window), value.getPane()));
      }
    }

    /** Returns how far the output's watermark may go meanwhile, in milliseconds. */
    private static long hold(DelayedBundleApplication rest) {
      if (rest.getApplication().getOutputWatermarksMap().isEmpty()) {
        return BoundedWindow.TIMESTAMP_MIN_VALUE.getMillis();
      }
      long earliest = BoundedWindow.TIMESTAMP_MAX_VALUE.getMillis();
      for (Timestamp one : rest.getApplication().getOutputWatermarksMap().values()) {
        earliest = Math.min(earliest, one.getSeconds() * 1000);
      }
      return earliest;
    }
  }
}
